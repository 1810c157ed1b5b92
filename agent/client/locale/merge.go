package locale

type text struct{ ru, en string }

// texts has all texts of this package by key.
var texts = merge(codeTexts, tunnelTexts, commandLineTexts, helpTexts, settingsTexts, windowTexts, sessionTexts, ssoTexts)

// merge merges maps. It panics when two have the same key.
func merge(all ...map[string]text) map[string]text {
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
