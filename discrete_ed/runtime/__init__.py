"""What a long run needs: files written atomically, checkpoints, several processes, signals. Imports nothing by
itself."""
