"""What a backtest needs of this project: its models of many days, and the page. `loopwright backtest` runs both."""
