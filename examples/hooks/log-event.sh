#!/bin/sh
# Writes one line to the system's log for every event. The object comes as JSON on standard input.
logger -t prol2tp "$PROL2TP_EVENT tunnel=$PROL2TP_TUNNEL session=${PROL2TP_SESSION:-none}"
