// Command sightline watches many cameras at once on NVIDIA GPUs.
package main

import (
	"os"

	"sightline/internal/cli"
)

func main() { os.Exit(cli.Main(os.Args[1:], os.Stdout, os.Stderr)) }
