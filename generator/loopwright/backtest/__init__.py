"""``loopwright backtest``: the retraining policy that suits a history, from models of that history."""
