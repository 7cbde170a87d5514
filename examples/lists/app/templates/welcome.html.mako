<%inherit file="_letter.html.mako"/>
<%block name="title">Welcome to ${list_name}</%block>
<p>From now on, what you write to <a href="mailto:${list_name}@${host}">${list_name}@${host}</a> goes to everybody on the list.</p>
<p>To leave it, write to <a href="mailto:${list_name}-leave@${host}">${list_name}-leave@${host}</a>.</p>
