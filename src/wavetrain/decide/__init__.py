"""The choices: one question per module, facts and now in, a choice and its reason out."""
