package forms

var english = map[string]string{
	required: "Please fill in this field.", tooLong: "Please use at most %d characters.", tooShort: "Please use at least %d characters.",
	tooLarge: "Please enter at most %d.", tooSmall: "Please enter at least %d.", several: "Please give one value only.", notText: "This value cannot be read.",
	fileTooLarge: "Please choose a file of at most %d bytes.",
	"not_email":  "Please enter an e-mail address, such as ada@example.com.", "not_url": "Please enter an address that begins with https://.",
	"not_tel": "Please enter a phone number.", "not_number": "Please enter a number.", "not_date": "Please enter a date.", "not_choice": "Please choose one of the values.",

	thanksTitle: "Thank you", thanksText: "Your message has arrived.", backToPage: "Back to the page",
	wrongTitle: "Something is missing", wrongText: "Your message was not sent yet. Please check:", backToForm: "Back to the form",
	useBack:      "If the link does not bring you back to what you typed, use your browser's back button.",
	refusedTitle: "Your message was not sent", sentWith: "Sent with Beckon",

	refusedOrigin: "This page may not send this form.", refusedMany: "Too many messages have come from your network. Please try again in a few minutes.",
	refusedSize: "Your message is too large. Please send less, or smaller files.", refusedForm: "Your message could not be read.",
	refusedProof: "It could not be confirmed that you are a person. Please go back, wait a moment and try again.",
	refusedNow:   "Your message cannot be taken at the moment. Please try again in a few minutes.", refusedGone: "This form does not exist any more.",
}

var german = map[string]string{
	required: "Bitte füllen Sie dieses Feld aus.", tooLong: "Bitte höchstens %d Zeichen.", tooShort: "Bitte mindestens %d Zeichen.",
	tooLarge: "Bitte höchstens %d.", tooSmall: "Bitte mindestens %d.", several: "Bitte nur einen Wert angeben.", notText: "Dieser Wert ist nicht lesbar.",
	fileTooLarge: "Bitte eine Datei von höchstens %d Bytes wählen.",
	"not_email":  "Bitte eine E-Mail-Adresse angeben, etwa ada@example.com.", "not_url": "Bitte eine Adresse angeben, die mit https:// beginnt.",
	"not_tel": "Bitte eine Telefonnummer angeben.", "not_number": "Bitte eine Zahl angeben.", "not_date": "Bitte ein Datum angeben.", "not_choice": "Bitte einen der Werte wählen.",

	thanksTitle: "Vielen Dank", thanksText: "Ihre Nachricht ist angekommen.", backToPage: "Zurück zur Seite",
	wrongTitle: "Es fehlt noch etwas", wrongText: "Ihre Nachricht wurde noch nicht gesendet. Bitte prüfen Sie:", backToForm: "Zurück zum Formular",
	useBack:      "Falls der Link nicht zu Ihren Eingaben führt, nutzen Sie bitte die Zurück-Taste Ihres Browsers.",
	refusedTitle: "Ihre Nachricht wurde nicht gesendet", sentWith: "Gesendet mit Beckon",

	refusedOrigin: "Diese Seite darf dieses Formular nicht senden.", refusedMany: "Aus Ihrem Netz kamen zu viele Nachrichten. Bitte versuchen Sie es in einigen Minuten wieder.",
	refusedSize: "Ihre Nachricht ist zu groß. Bitte senden Sie weniger oder kleinere Dateien.", refusedForm: "Ihre Nachricht konnte nicht gelesen werden.",
	refusedProof: "Es ließ sich nicht bestätigen, dass Sie ein Mensch sind. Bitte gehen Sie zurück, warten Sie kurz und versuchen Sie es noch einmal.",
	refusedNow:   "Ihre Nachricht kann gerade nicht angenommen werden. Bitte versuchen Sie es in einigen Minuten wieder.", refusedGone: "Dieses Formular gibt es nicht mehr.",
}

var french = map[string]string{
	required: "Veuillez remplir ce champ.", tooLong: "%d caractères au maximum.", tooShort: "%d caractères au minimum.",
	tooLarge: "%d au maximum.", tooSmall: "%d au minimum.", several: "Veuillez donner une seule valeur.", notText: "Cette valeur est illisible.",
	fileTooLarge: "Veuillez choisir un fichier de %d octets au maximum.",
	"not_email":  "Veuillez saisir une adresse e-mail, par exemple ada@example.com.", "not_url": "Veuillez saisir une adresse qui commence par https://.",
	"not_tel": "Veuillez saisir un numéro de téléphone.", "not_number": "Veuillez saisir un nombre.", "not_date": "Veuillez saisir une date.", "not_choice": "Veuillez choisir l’une des valeurs.",

	thanksTitle: "Merci", thanksText: "Votre message est bien arrivé.", backToPage: "Retour à la page",
	wrongTitle: "Il manque quelque chose", wrongText: "Votre message n’a pas encore été envoyé. Veuillez vérifier :", backToForm: "Retour au formulaire",
	useBack:      "Si le lien ne ramène pas à votre saisie, utilisez le bouton Retour de votre navigateur.",
	refusedTitle: "Votre message n’a pas été envoyé", sentWith: "Envoyé avec Beckon",

	refusedOrigin: "Cette page ne peut pas envoyer ce formulaire.", refusedMany: "Trop de messages sont venus de votre réseau. Veuillez réessayer dans quelques minutes.",
	refusedSize: "Votre message est trop volumineux. Veuillez en envoyer moins, ou des fichiers plus petits.", refusedForm: "Votre message n’a pas pu être lu.",
	refusedProof: "Nous n’avons pas pu confirmer que vous êtes une personne. Veuillez revenir en arrière, patienter un instant et réessayer.",
	refusedNow:   "Votre message ne peut pas être reçu pour le moment. Veuillez réessayer dans quelques minutes.", refusedGone: "Ce formulaire n’existe plus.",
}

var spanish = map[string]string{
	required: "Rellene este campo.", tooLong: "Use como máximo %d caracteres.", tooShort: "Use como mínimo %d caracteres.",
	tooLarge: "Como máximo %d.", tooSmall: "Como mínimo %d.", several: "Indique un solo valor.", notText: "Este valor no se puede leer.",
	fileTooLarge: "Elija un archivo de %d bytes como máximo.",
	"not_email":  "Escriba una dirección de correo, como ada@example.com.", "not_url": "Escriba una dirección que empiece por https://.",
	"not_tel": "Escriba un número de teléfono.", "not_number": "Escriba un número.", "not_date": "Escriba una fecha.", "not_choice": "Elija uno de los valores.",

	thanksTitle: "Gracias", thanksText: "Su mensaje ha llegado.", backToPage: "Volver a la página",
	wrongTitle: "Falta algo", wrongText: "Su mensaje todavía no se ha enviado. Compruebe lo siguiente:", backToForm: "Volver al formulario",
	useBack:      "Si el enlace no le devuelve a lo que ha escrito, use el botón Atrás de su navegador.",
	refusedTitle: "Su mensaje no se ha enviado", sentWith: "Enviado con Beckon",

	refusedOrigin: "Esta página no puede enviar este formulario.", refusedMany: "Han llegado demasiados mensajes de su red. Inténtelo de nuevo en unos minutos.",
	refusedSize: "Su mensaje es demasiado grande. Envíe menos, o archivos más pequeños.", refusedForm: "No se ha podido leer su mensaje.",
	refusedProof: "No se ha podido confirmar que usted es una persona. Vuelva atrás, espere un momento e inténtelo de nuevo.",
	refusedNow:   "Su mensaje no se puede recibir en este momento. Inténtelo de nuevo en unos minutos.", refusedGone: "Este formulario ya no existe.",
}
