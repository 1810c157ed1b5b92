package firewall

import (
	"fmt"
	"time"
)

// Show is the table of a plan with what the kernel has in its sets now, whichever process put it there. Loaded tells
// whether there is a table at all.
func Show(p Plan) (text string, loaded bool, err error) {
	kn, err := dial()
	if err != nil {
		return "", false, reasonOf(err)
	}
	defer kn.close()
	loaded, err = kn.isThere()
	if err != nil {
		return "", false, reasonOf(err)
	}
	if p.Empty() {
		return "", loaded, nil
	}
	elements, err := kn.list(sessionSets)
	if err != nil {
		return "", loaded, reasonOf(err)
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

// Clear removes our table and nothing else, for when no process keeps it. A table that is not there is no error.
func Clear() error {
	kn, err := dial()
	if err != nil {
		return reasonOf(err)
	}
	defer kn.close()
	if err := kn.remove(Table); err != nil {
		return reasonOf(err)
	}
	return nil
}
