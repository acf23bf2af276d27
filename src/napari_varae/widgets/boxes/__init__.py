"""Parts of a dock that ask the session themselves and start jobs of their own. Boxes never import each other."""
