package config

import (
	"fmt"
	"strings"
	"sync"

	"gopkg.in/yaml.v3"

	"beckon"
)

// descriptions returns what each setting is for, by its key: the comments of the example configuration.
var descriptions = sync.OnceValue(func() map[string]string {
	var document yaml.Node
	if err := yaml.Unmarshal(beckon.ExampleConfig, &document); err != nil {
		panic(fmt.Sprintf("config.example.yaml: %v", err)) // it is part of the program
	}
	found := map[string]string{}
	sections := document.Content[0].Content
	for i := 0; i+1 < len(sections); i += 2 {
		if sections[i+1].Kind != yaml.MappingNode {
			continue
		}
		settings := sections[i+1].Content
		for j := 0; j+1 < len(settings); j += 2 {
			comment := strings.TrimPrefix(settings[j+1].LineComment, "# ")
			found[sections[i].Value+"."+settings[j].Value] = sentence(comment)
		}
	}
	return found
})

// sentence begins a text with a capital letter and ends it with a full stop.
func sentence(text string) string {
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + text[1:] + "."
}
