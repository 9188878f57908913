"""What a long run needs: files that are whole, checkpoints, several processes, signals. Imports nothing by itself."""
