package main

import (
	"github.com/urfave/cli/v2"
)

var replayCommand = &cli.Command{Name: "replay", Action: func(*cli.Context) error { return nil }}
