Subject: Hello

${name
