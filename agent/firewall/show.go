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
