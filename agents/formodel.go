package agents

import (
	"encoding/json"

	"beckon/internal/render"
)

// ForModel returns the call as a model may see it. If the client has redact with model: true, personal data is
// blacked out in everything that comes from the call or from earlier steps of the flow. Text that the owner wrote,
// such as that of a template, is not changed.
func (c Call) ForModel() Call {
	if c.Redact == nil {
		return c
	}
	prompt := c.PromptText().Map(c.Redact.Text)
	c.Prompt, c.Fence = prompt.Text, c.Fence.With(prompt.Spans)
	c.Input = c.Redact.Text(c.Input)
	c.Metadata = c.Redact.JSON(c.Metadata)
	outputs := make(map[string]string, len(c.Outputs))
	for key, output := range c.Outputs {
		outputs[key] = c.Redact.Text(output)
	}
	c.Outputs = outputs
	c.State, c.Items = c.redacted(c.State), c.redacted(c.Items)
	return c
}

// redacted blacks out the values of a map. One that cannot be read again is left out.
func (c *Call) redacted(values map[string]any) map[string]any {
	if len(values) == 0 {
		return values
	}
	redacted := make(map[string]any, len(values))
	for key, value := range values {
		if text, ok := value.(string); ok {
			redacted[key] = c.Redact.Text(text)
			continue
		}
		if _, isNumber := value.(int); isNumber { // the place of an item in its list
			redacted[key] = value
			continue
		}
		text, err := json.Marshal(value)
		if err != nil {
			continue
		}
		if again, err := render.JSON(c.Redact.JSON(text)); err == nil {
			redacted[key] = again
		}
	}
	return redacted
}
