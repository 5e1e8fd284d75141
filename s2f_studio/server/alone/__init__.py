"""The app's page without its server: a folder that any static host serves, in which the browser
itself answers.
"""
