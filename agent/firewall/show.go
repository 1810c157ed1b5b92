package firewall

import (
	"fmt"
	"time"
)

// Show returns the table of a plan with the elements that the kernel has now. loaded reports whether the table exists.
func Show(p Plan) (text string, loaded bool, err error) {
	kn, err := dial()
	if err != nil {
		return "", false, explain(err)
	}
	defer kn.close()
	loaded, err = kn.tableExists()
	if err != nil {
		return "", false, explain(err)
	}
	if p.Empty() {
		return "", loaded, nil
	}
	elements, err := kn.list(sessionSets)
	if err != nil {
		return "", loaded, explain(err)
	}
	sortFound(elements)
	bySet := map[string][]string{}
	for _, e := range elements {
		line := e.String()
		if e.left > 0 {
			line += fmt.Sprintf(" expires %s", e.left.Round(time.Second))
		}
		if e.owner.session != "" {
			line += fmt.Sprintf(" comment %q", e.owner)
		}
		bySet[e.set.name] = append(bySet[e.set.name], line)
	}
	return p.render(bySet), loaded, nil
}

// Clear removes our table, for when no process uses it. A missing table is no error.
func Clear() error {
	kn, err := dial()
	if err != nil {
		return explain(err)
	}
	defer kn.close()
	if err := kn.remove(Table); err != nil {
		return explain(err)
	}
	return nil
}

// Count returns how many elements the sets of sessions have in the kernel. loaded reports whether the table exists. Errors:
// ErrNoRights, ErrNoKernel.
func Count() (elements int, loaded bool, err error) {
	kn, err := dial()
	if err != nil {
		return 0, false, explain(err)
	}
	defer kn.close()
	if loaded, err = kn.tableExists(); err != nil || !loaded {
		return 0, loaded, explained(err)
	}
	list, err := kn.list(sessionSets)
	return len(list), true, explained(err)
}

// explained is explain for an error that may be nil.
func explained(err error) error {
	if err == nil {
		return nil
	}
	return explain(err)
}

// Check returns why this process cannot keep a table here. It changes nothing. Errors: ErrNoRights, ErrNoKernel, ErrNoProgram.
func Check() error {
	kn, err := dial()
	if err != nil {
		return explain(err)
	}
	defer kn.close()
	_, err = kn.checkSupport(nil)
	return explained(err)
}
