<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title><%block name="title"/></title>
<style>
  body { background: #ffffff; color: #222222; font: 16px/1.5 sans-serif; margin: 0; padding: 24px }
  .letter { margin: 0 auto; max-width: 480px }
  img { display: block; margin: 0 0 16px }
  h1 { font-size: 22px; line-height: 1.3; margin: 0 0 16px }
  p { margin: 0 0 16px }
  a { color: #0b5394 }
  .why { border-top: 1px solid #cccccc; color: #595959; font-size: 14px; padding-top: 16px }
</style>
</head>
<body>
<div class="letter">
<img src="cid:letters.png" alt="" width="48" height="48">
<h1>${self.title()}</h1>
${self.body()}\
<p class="why">You get this mail because your address joined the list ${list_name}.</p>
</div>
</body>
</html>
