package config

import (
	"fmt"
	"iter"
	"reflect"
	"slices"
	"strings"

	"beckon/internal/units"
)

// Origin says where the value of a setting comes from. The zero Origin is the default.
type Origin struct {
	File     string
	Line     int
	Variable string // of the environment
}

// String writes "default", "config.yaml:12" or the variable's name.
func (o Origin) String() string {
	switch {
	case o.Variable != "":
		return o.Variable
	case o.File != "":
		return fmt.Sprintf("%s:%d", o.File, o.Line)
	}
	return "default"
}

// Setting is one key of a section that holds no resources.
type Setting struct {
	Key         string // "server.address"
	Description string // what it is for, in sentences
	Value       string // secrets are masked
	Origin      Origin
}

// Settings lists every setting with its value and where that comes from, in the order of the documentation.
func (c *Config) Settings() []Setting {
	var list []Setting
	for key, v := range c.settings() {
		list = append(list, Setting{Key: key, Description: descriptions()[key], Value: c.shown(key, v.Interface()), Origin: c.sources[key]})
	}
	return list
}

// OriginOf says where the value of one setting comes from.
func (c *Config) OriginOf(key string) Origin { return c.sources[key] }

func (c *Config) shown(key string, value any) string {
	switch v := value.(type) {
	case []string:
		return strings.Join(v, ", ")
	case units.Bytes:
		if key == "server.maxMemory" && v == 0 {
			v = units.Bytes(c.Server.Memory()) &^ (1<<20 - 1) // what 0 stands for, in whole MiB
		}
		text, _ := v.MarshalYAML()
		return fmt.Sprint(text)
	}
	if key == "artifacts.url" {
		return c.ArtifactsURL()
	}
	if key == "database.url" {
		return c.Database.Shown()
	}
	if key == "database.readURL" && c.Database.ReadURL != "" {
		return shownURL(c.Database.ReadURL)
	}
	return fmt.Sprint(value)
}

// What a reload can apply to a running gateway; a change of any other setting needs a restart. Resources are always
// applied.
var reloadable = []string{
	"admin.variables", "admin.commands", "log.level", "server.budget", "egress.allowPrivate", "egress.httpsOnly",
	"egress.httpGet", "egress.clientCert", "egress.clientKey", "egress.ca",
	"retention.runs", "retention.deliveries", "retention.sessions", "skills.path",
}

// Changes names the settings that differ between two configurations: those that can be applied at once, and those
// that need a restart.
func Changes(before, after *Config) (apply, restart []string) {
	next, stop := iter.Pull2(after.settings())
	defer stop()
	for key, old := range before.settings() {
		_, now, _ := next()
		switch {
		case reflect.DeepEqual(old.Interface(), now.Interface()):
		case slices.Contains(reloadable, key):
			apply = append(apply, key)
		default:
			restart = append(restart, key)
		}
	}
	return apply, restart
}

// settings visits the keys of the sections that hold no resources.
func (c *Config) settings() iter.Seq2[string, reflect.Value] {
	return func(yield func(string, reflect.Value) bool) {
		sections := fieldsOf(reflect.ValueOf(c).Elem())
		for _, section := range sections.names {
			v := sections.byName[section]
			if v.Kind() != reflect.Struct {
				continue
			}
			keys := fieldsOf(v)
			for _, key := range keys.names {
				if !yield(section+"."+key, keys.byName[key]) {
					return
				}
			}
		}
	}
}
