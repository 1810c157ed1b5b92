package tunnel

import (
	"fmt"

	"ideco-agent/agent/client"
)

// resolvesAll reports whether the tunnel's DNS servers are asked for all names, not only those under the suffixes.
func resolvesAll(s client.TunnelSetup) bool {
	return len(s.DNS) > 0 && (len(s.Suffixes) == 0 || takesAll(s))
}

func texts[T fmt.Stringer](list []T) []string {
	all := make([]string, len(list))
	for i, one := range list {
		all[i] = one.String()
	}
	return all
}
