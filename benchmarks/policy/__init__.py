"""When to retrain: our default policy beside fixed schedules, detectors of others and the hindsight optimum."""
