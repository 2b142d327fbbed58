"""The main job where units start at different times: own fits, pooled effects, stacked estimators, and a verdict."""
