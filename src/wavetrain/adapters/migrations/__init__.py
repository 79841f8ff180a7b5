"""Migrations: how does a store of an older release become one of this release?"""
