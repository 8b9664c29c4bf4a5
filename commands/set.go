package commands

// Set holds the commands of one moment by their ids. It is not changed once it is in use.
type Set map[string]Command

// NewSet returns the commands by their ids.
func NewSet(list []Command) Set {
	s := make(Set, len(list))
	for _, c := range list {
		s[c.ID] = c
	}
	return s
}
