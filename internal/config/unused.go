package config

import (
	"regexp"
	"slices"
	"strings"

	"beckon/internal/problem"
)

// prefix is that of the variables that set something.
const prefix = "BECKON_"

// ofCommands are the variables that the commands read which call a gateway.
var ofCommands = []string{"BECKON_URL", "BECKON_TOKEN", "BECKON_ADMIN_TOKEN", "BECKON_WEBHOOK_SECRET"}

// ofTests begins the variables that our own tests read.
const ofTests = prefix + "TEST_"

// ofService are the names of variables that Kubernetes puts into each pod beside a service whose name begins with
// beckon.
var ofService = regexp.MustCompile(`^BECKON_(.*_)?(SERVICE_HOST|SERVICE_PORT(_.+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$`)

// UnusedVariables finds the variables of an environment, as os.Environ returns it, that look as if they set
// something and do not. No value is in what is found.
func (c *Config) UnusedVariables(environ []string) (found []problem.Finding) {
	for _, variable := range slices.Sorted(slices.Values(environ)) {
		name, value, _ := strings.Cut(variable, "=")
		if !strings.HasPrefix(name, prefix) || value == "" || c.asked[name] || isOfService(name, value) ||
			strings.HasPrefix(name, ofTests) || slices.Contains(ofCommands, name) ||
			slices.Contains(c.Admin.Variables, name) {
			continue
		}
		unused := problem.Finding{Section: "environment variables", ID: name}
		unused.Fields.Add("", "sets nothing%s", c.meant(name))
		found = append(found, unused)
	}
	return found
}

// isOfService reports whether a variable is one of Kubernetes. Those that only end in PORT are URLs there.
func isOfService(name, value string) bool {
	return ofService.MatchString(name) || strings.HasSuffix(name, "_PORT") && strings.Contains(value, "://")
}

// meant says what a variable that sets nothing may have been meant for.
func (c *Config) meant(name string) string {
	written, isFile := strings.CutSuffix(strings.TrimPrefix(name, prefix), "_FILE")
	var sections, keys []string
	known := map[string]string{} // settings by the names of their variables, without the prefix
	for key := range c.settings() {
		section, key, _ := strings.Cut(key, ".")
		for _, spelling := range spellings(key) {
			known[strings.ToUpper(section)+"_"+spelling] = section + "." + key
			if spelling == written && slices.Contains(overridable, section) {
				written = strings.ToUpper(section) + "_" + spelling // only the section was missing
			}
		}
		sections = append(sections, strings.ToUpper(section))
	}
	section, key, _ := strings.Cut(written, "_")
	section = problem.Nearest(section, sections)
	for name := range known {
		if key, ok := strings.CutPrefix(name, section+"_"); ok {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	likely := section + "_" + problem.Nearest(key, keys)
	switch setting, ok := known[likely]; {
	case !ok:
		return ": there is no such setting"
	case !slices.Contains(overridable, strings.ToLower(section)):
		return ": " + setting + " is set in the configuration file only"
	case isFile:
		likely += "_FILE"
	}
	return "; did you mean " + prefix + likely + "?"
}
