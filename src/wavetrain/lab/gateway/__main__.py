"""Entry point of `python -m wavetrain.lab.gateway`."""

from wavetrain.lab.gateway.program import main

if __name__ == "__main__":
    main()
