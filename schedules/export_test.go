package schedules

// Look does what is due, as the Service's Work does once a second.
var Look = (*Service).look

// NoteLastCalls does what the end of the process does.
var NoteLastCalls = (*Service).noteLastCalls
