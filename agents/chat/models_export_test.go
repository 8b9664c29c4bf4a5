package chat

// ModelsWithin is Models with another limit.
var ModelsWithin = models
