//go:build !windows

package main

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"ideco-agent/agent/client/locale"
)

func TestServiceOtherSystem(t *testing.T) {
	var stderr bytes.Buffer
	if code := run(context.Background(), program{args: []string{"service"}, stderr: &stderr, lang: locale.English}); code != exitUsage {
		t.Errorf("exit code %d", code)
	}
	if !strings.Contains(stderr.String(), "for Windows") {
		t.Error(stderr.String())
	}
}

func TestEndOtherSystem(t *testing.T) {
	var stderr bytes.Buffer
	if code := run(context.Background(), program{args: []string{"end"}, stderr: &stderr, lang: locale.English}); code != exitUsage {
		t.Errorf("exit code %d", code)
	}
	if !strings.Contains(stderr.String(), "The command end is for Windows") {
		t.Error(stderr.String())
	}
}
