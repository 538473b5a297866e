"""What capture is made of: camera addresses, the readers behind them, and what shows that one is gone."""
