"""The released weights as package data: `*.safetensors`, `manifest.json` and their card, README.md.

Installed as `hiqa_cli.weights`; nothing here is code.
"""
