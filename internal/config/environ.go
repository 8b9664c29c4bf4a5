package config

import (
	"errors"
	"io/fs"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"beckon/internal/catalog"
	"beckon/internal/secret"
)

const maxSecretFileBytes = 1 << 20

// The sections whose keys can be set in the environment. Egress and retention can't, nor can resources.
var overridable = []string{"server", "database", "admin", "log", "artifacts", "share", "smtp"}

// override lays BECKON_SERVER_ADDRESS and its like over what the file said. Variables that name no setting are left
// to UnusedVariables: they are no mistake, since Kubernetes puts BECKON_SERVER_PORT into every pod beside a service
// of that name.
func (c *Config) override(env catalog.Env, found *findings) {
	for key, field := range c.settings() {
		section, name, _ := strings.Cut(key, ".")
		if !slices.Contains(overridable, section) {
			continue
		}
		variable, text, ok := variableFor(section, name, env, found)
		if !ok {
			continue
		}
		if field.Type() == secretType {
			found.hidden.Hide(text, secret.Mask)
		}
		if wrong := setText(text, field); wrong != "" {
			found.broken[key] = true
			found.put(Mistake{Path: variable, Text: wrong})
			continue
		}
		c.sources[key] = Origin{Variable: variable}
	}
}

// variableFor finds the one variable that sets a key, and what it says. An empty variable sets nothing, because
// compose files pass on variables that nobody has set.
func variableFor(section, name string, env catalog.Env, found *findings) (variable, text string, ok bool) {
	var set []string
	for _, spelling := range spellings(name) {
		for _, suffix := range []string{"", "_FILE"} {
			candidate := prefix + strings.ToUpper(section) + "_" + spelling + suffix
			if value, _ := env(candidate); value != "" {
				set, variable, text = append(set, candidate), candidate, value
			}
		}
	}
	switch {
	case len(set) == 0:
		return "", "", false
	case len(set) > 1:
		found.put(Mistake{
			Path: set[0],
			Text: "is set, and so is " + strings.Join(set[1:], " and ") + ": set only one of them",
		})
		return "", "", false
	case !strings.HasSuffix(variable, "_FILE"):
		return variable, text, true
	}
	text, wrong := readSecretFile(text)
	if wrong != "" {
		found.put(Mistake{Path: variable, Text: wrong})
	}
	return variable, text, wrong == ""
}

// readSecretFile never says the path: whoever puts the secret itself into the variable shall not find it in the log.
func readSecretFile(path string) (text, wrong string) {
	data, err := readLimited(path, maxSecretFileBytes)
	text = strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
	switch {
	case errors.Is(err, errTooLarge):
		return "", "the file it names is larger than 1 MiB"
	case err != nil:
		return "", "the file it names cannot be read: " + reason(err)
	case text == "":
		return "", "the file it names is empty"
	}
	return text, ""
}

// reason is the bare cause of an error of the file system: "no such file or directory".
func reason(err error) string {
	if pathError, ok := errors.AsType[*fs.PathError](err); ok {
		return pathError.Err.Error()
	}
	return err.Error()
}

var wordBoundary = regexp.MustCompile(`([a-z])([A-Z])`)

// spellings returns PUBLICURL and PUBLIC_URL for publicURL.
func spellings(name string) []string {
	joined, split := strings.ToUpper(name), strings.ToUpper(wordBoundary.ReplaceAllString(name, "${1}_$2"))
	return slices.Compact([]string{joined, split})
}

// setText sets a field from the text of a variable; lists are separated by commas.
func setText(text string, field reflect.Value) (wrong string) {
	if field.Kind() == reflect.Slice {
		var items []string
		for item := range strings.SplitSeq(text, ",") {
			if item = strings.TrimSpace(item); item != "" {
				items = append(items, item)
			}
		}
		field.Set(reflect.ValueOf(items))
		return ""
	}
	n := &yaml.Node{Kind: yaml.ScalarNode, Value: text}
	n.Tag = n.ShortTag()
	return setScalar(n, field)
}
