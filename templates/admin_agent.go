package templates

func choose(condition bool, yes, no string) string {
	if condition {
		return yes
	}
	return no
}
