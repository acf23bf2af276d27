"""The test statistic and its null distributions; knows neither movie nor fit."""
