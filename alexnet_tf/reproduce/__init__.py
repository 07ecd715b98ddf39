"""The paper's claims, measured: differences between arms, and verdicts."""
