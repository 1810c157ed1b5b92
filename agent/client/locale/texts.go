package locale

type text struct{ ru, en string }

// texts are those of all files of this package, by key.
var texts = union(coreTexts, tunnelTexts, commandLineTexts, helpTexts, settingsTexts, windowTexts, sessionTexts)

// union panics where two files have a text under one key.
func union(all ...map[string]text) map[string]text {
	one := map[string]text{}
	for _, some := range all {
		for key, t := range some {
			if _, taken := one[key]; taken {
				panic("two texts under " + key)
			}
			one[key] = t
		}
	}
	return one
}
