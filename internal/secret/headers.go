package secret

import (
	"maps"
	"strings"
)

// InHeaders returns the value of a header field; upper and lower case are the same in its name.
func InHeaders(headers map[string]String, name string) String {
	if value, ok := headers[name]; ok {
		return value
	}
	for other, value := range headers {
		if strings.EqualFold(other, name) {
			return value
		}
	}
	return ""
}

// RevisedHeaders is what kept header fields become when a change gives wanted for them: those that it leaves out
// are gone, the values of the others change as String's Revised says.
func RevisedHeaders(have, wanted map[string]String) map[string]String {
	wanted = maps.Clone(wanted)
	for name, value := range wanted {
		wanted[name] = InHeaders(have, name).Revised(value)
	}
	return wanted
}

// RevisedMap is RevisedHeaders for names in which upper and lower case differ.
func RevisedMap(have, wanted map[string]String) map[string]String {
	wanted = maps.Clone(wanted)
	for name, value := range wanted {
		wanted[name] = have[name].Revised(value)
	}
	return wanted
}
