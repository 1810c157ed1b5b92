package main

import (
	"context"
	"os"

	"ideco-agent/web"
)

type doctorCommand struct {
	JSON   bool   `name:"json" help:"Print the results as JSON."`
	Bundle string `help:"Also write a file for support: a zip without secrets. An existing file is not overwritten." placeholder:"FILE.zip" type:"path"`
}

// Run prints the results. It fails if a check has failed.
func (d *doctorCommand) Run(ctx context.Context, c *commands, lang language) error {
	config := c.Serve.config() // with the defaults and variables of the flags
	config.Data = c.Data
	return web.Doctor(ctx, config, web.DoctorOutput{To: os.Stdout, Lang: string(lang), JSON: d.JSON, Bundle: d.Bundle})
}
