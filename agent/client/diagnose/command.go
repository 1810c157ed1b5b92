package diagnose

import (
	"bytes"
	"context"
	"os/exec"
)

// command is a part with the output of a program.
func command(name, program string, args ...string) Part {
	return Part{name, func(ctx context.Context) ([]byte, error) {
		var out bytes.Buffer
		cmd := exec.CommandContext(ctx, program, args...)
		cmd.Stdout, cmd.Stderr = &out, &out
		hide(cmd)
		err := cmd.Run()
		return decode(out.Bytes()), err
	}}
}
