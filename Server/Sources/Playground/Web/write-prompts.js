// Texts to begin with, besides the server's.

/** A longer passage (Shakespeare, Romeo and Juliet, act 2, scene 2). */
export const passage = {
  name: "balcony scene: read only",
  length: 0,
  text: `ROMEO:
He jests at scars that never felt a wound.
But, soft! what light through yonder window breaks?
It is the east, and Juliet is the sun.
Arise, fair sun, and kill the envious moon,
Who is already sick and pale with grief,
That thou her maid art far more fair than she.

JULIET:
Ay me!

ROMEO:
She speaks:
O, speak again, bright angel!

JULIET:
O Romeo, Romeo! wherefore art thou Romeo?
Deny thy father and refuse thy name;
Or, if thou wilt not, be but sworn my love,
And I'll no longer be a Capulet.

ROMEO:
Shall I hear more, or shall I speak at this?

JULIET:
'Tis but thy name that is my enemy;
What's in a name? that which we call a rose
By any other name would smell as sweet.

ROMEO:
I take thee at thy word:
Call me but love, and I'll be new baptized.
`,
};
