"""The kill test: see campaign.py."""
