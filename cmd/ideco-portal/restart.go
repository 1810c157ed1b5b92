package main

import (
	"fmt"
	"os"
	"strconv"
	"syscall"
)

// restart starts the program again. A service of systemd ends instead, because its unit starts it again (Restart=always).
func restart() error {
	if os.Getenv("SYSTEMD_EXEC_PID") == strconv.Itoa(os.Getpid()) {
		return nil
	}
	program, err := os.Executable()
	if err == nil {
		err = syscall.Exec(program, os.Args, os.Environ())
	}
	return fmt.Errorf("start the program again: %w", err)
}
