"""From a drawing to faces: the average face, candidates; their networks, stages and training."""
