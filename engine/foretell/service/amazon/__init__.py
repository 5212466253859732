"""The Amazon-compatible endpoint: boto3 code for `forecast` and `forecastquery` runs against foretell unchanged."""
