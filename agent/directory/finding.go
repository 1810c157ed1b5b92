package directory

import (
	"errors"

	"ideco-agent/agent"
)

// errUnreachable matches every finding in errors.Is.
var errUnreachable = errors.New("directory unreachable")

// finding is why a directory cannot be used now.
type finding struct {
	Finding agent.DirectoryFinding
	Args    map[string]string // of the finding's text
	Sent    bool              // a password may have reached a controller that has not answered
	err     error             // for the log; may be nil
}

func (f *finding) Error() string {
	text := string(f.Finding)
	if host := f.Args["Host"]; host != "" {
		text = host + ": " + text
	}
	if f.err != nil {
		text += ": " + f.err.Error()
	}
	return text
}

func (f *finding) Is(target error) bool { return target == errUnreachable }

func (f *finding) Unwrap() error { return f.err }

// hostFinding makes a finding about a controller.
func hostFinding(found agent.DirectoryFinding, host string, err error) *finding {
	return &finding{Finding: found, Args: map[string]string{"Host": host}, err: err}
}

// asFinding returns the finding in an error, or the error as a finding about a controller.
func asFinding(err error, host string) *finding {
	var f *finding
	if !errors.As(err, &f) {
		f = hostFinding(agent.FindingNoAnswer, host, err)
	}
	return f
}
