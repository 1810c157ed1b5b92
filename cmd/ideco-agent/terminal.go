package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"golang.org/x/term"
)

// terminal asks for passwords.
type terminal interface {
	// ask writes a prompt and returns a line that is not shown while it is typed.
	ask(ctx context.Context, prompts io.Writer, prompt string) (string, error)
}

// standardTerminal returns the terminal of standard input, or nil.
func standardTerminal() terminal {
	if fd := int(os.Stdin.Fd()); term.IsTerminal(fd) {
		return fileTerminal(fd)
	}
	return nil
}

// fileTerminal is a terminal by its file descriptor.
type fileTerminal int

func (t fileTerminal) ask(ctx context.Context, prompts io.Writer, prompt string) (string, error) {
	before, err := term.GetState(int(t))
	if err != nil {
		return "", err
	}
	fmt.Fprint(prompts, prompt)
	type answer struct {
		line []byte
		err  error
	}
	read := make(chan answer, 1)
	go func() {
		line, err := term.ReadPassword(int(t))
		read <- answer{line, err}
	}()
	select {
	case a := <-read:
		fmt.Fprintln(prompts)
		return string(a.line), a.err
	case <-ctx.Done():
		fmt.Fprintln(prompts)
		if err := term.Restore(int(t), before); err != nil { // the reader may wait for ever
			return "", err
		}
		return "", ctx.Err()
	}
}
