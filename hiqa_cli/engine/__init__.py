"""The engine: images in, results out (reading ahead, tiling, networks on a device, aggregation, output pictures).

It never prints, and knows neither exit codes nor training.
"""
