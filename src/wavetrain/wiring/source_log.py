"""Source log: what does the log say of the source of measurements? Each thing once, when it changes."""

from wavetrain.adapters.prometheus import CLOCK_STEP_S
from wavetrain.model.health import SourceFigures
from wavetrain.wiring.log import Log


class SourceLog:
    """Told after each tick how the source fares."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._was_faulty = self._was_skewed = False

    def after_tick(self, figures: SourceFigures) -> None:
        """A source that was not asked yet is neither well nor faulty."""
        if figures.fault and not self._was_faulty:
            self._log.say("source fault", error=figures.fault)
        elif self._was_faulty and not figures.fault:
            self._log.say("source well")
        self._was_faulty = bool(figures.fault)
        is_skewed = figures.skew_s is not None and abs(figures.skew_s) > CLOCK_STEP_S
        if is_skewed and not self._was_skewed:
            self._log.say("source clock", skew_s=round(figures.skew_s or 0.0, 1))
        self._was_skewed = is_skewed
