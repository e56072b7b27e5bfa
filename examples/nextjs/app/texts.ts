// All that the application says, in both languages. A text that is missing in one of them fails the build.

/** The languages, the default first. */
export const LANGUAGES = ['fr', 'en'] as const;

export type Language = (typeof LANGUAGES)[number];

const fr = {
  title: "Jeton : l'exemple Next.js",
  name: 'Atelier',
  description: 'Des articles et des descriptions de produits, payés en tokens.',
  otherLanguage: 'English',

  signInTitle: 'Connexion',
  signInExplained: "C'est un exemple : il n'y a pas de mot de passe, et chaque nom a son propre compte.",
  signInTest: "Continuer comme utilisateur de test",
  userName: "Nom d'utilisateur",
  signIn: 'Se connecter',
  userNameRefused: 'Un nom a 1 à 128 caractères : lettres sans accent, chiffres et . _ : @ | + ~ -',
  signOut: 'Se déconnecter',
  signedOut: "Vous n'êtes plus connecté. Rechargez la page pour vous reconnecter.",

  balance: 'Solde de tokens',
  reserved: (amount: string) => `et ${amount} de plus, réservés pour ce qui est en cours`,
  used: 'Tokens utilisés',
  plan: (name: string) => `Formule ${name}`,
  nextBilling: 'Prochaine facturation',
  loading: 'Chargement…',
  live: 'En direct',
  lost: 'Jeton ne répond pas. Ces chiffres sont les derniers connus ; nouvel essai en cours…',
  lostWithoutNumbers: 'Jeton ne répond pas. Nouvel essai en cours…',

  generate: 'Générer',
  article: 'Un article',
  articleTopic: "Sujet de l'article",
  articleExample: 'Le café de spécialité à Lyon',
  articlePrice: 'Payé selon sa longueur, réservé avant de commencer.',
  generateArticle: "Générer l'article",
  stop: 'Arrêter',
  product: 'Une description de produit',
  productName: 'Nom du produit',
  productExample: 'Moulin à café Alma',
  productPrice: (price: string) => `Prix fixe : ${price} tokens.`,
  generateProduct: 'Générer la description',
  generating: 'Génération en cours…',

  toBuy: 'Acheter des tokens',
  failed: 'Une erreur est survenue. Rien de plus ne vous est débité. Réessayez dans un instant.',
  away: 'Jeton ne répond pas pour le moment. Réessayez dans un instant.',
  offline: 'Pas de réponse. Réessayez dans un instant.',
  noAnswer: "La réponse n'est pas arrivée. L'historique dit si quelque chose a été débité. Réessayez dans un instant.",
  noAnswerToPurchase: "La réponse n'est pas arrivée. Réessayez dans un instant : le même achat n'est fait qu'une fois.",
  noTopic: 'Écrivez de quoi il doit être question.',

  buyTitle: 'Acheter des tokens',
  buyExplained: "C'est un exemple : rien n'est payé.",
  pack: (tokens: string) => `${tokens} tokens`,
  buy: 'Acheter',
  bought: (tokens: string) => `Merci ! ${tokens} tokens ont été ajoutés.`,
  buyAgain: 'Nouvel achat',
  purchase: (tokens: string) => `Achat de ${tokens} tokens`,

  usage: 'Tokens utilisés par jour',
  usageOf: (tokens: string, days: string) => `${tokens} tokens en ${days} jours`,
  asTable: 'En tableau',
  day: 'Jour',
  tokens: 'Tokens',
  generations: 'Générations',

  history: 'Historique',
  date: 'Date',
  what: 'Description',
  amount: 'Montant',
  balanceAfter: 'Solde après',
  more: 'Plus ancien',
};

/** The texts of a language: strings, and functions that put numbers, already written in the language, into one. */
export type Texts = typeof fr;

const en: Texts = {
  title: 'Jeton: the Next.js example',
  name: 'Workshop',
  description: 'Articles and product descriptions, paid for in tokens.',
  otherLanguage: 'Français',

  signInTitle: 'Sign in',
  signInExplained: 'This is an example: there is no password, and each name has an account of its own.',
  signInTest: 'Continue as the test user',
  userName: 'User name',
  signIn: 'Sign in',
  userNameRefused: 'A name has 1 to 128 characters: letters without accents, digits and . _ : @ | + ~ -',
  signOut: 'Sign out',
  signedOut: 'You are no longer signed in. Load the page again to sign in.',

  balance: 'Token balance',
  reserved: (amount: string) => `and ${amount} more set aside for what is under way`,
  used: 'Tokens used',
  plan: (name: string) => `Plan ${name}`,
  nextBilling: 'Next billing',
  loading: 'Loading…',
  live: 'Live',
  lost: 'Jeton does not answer. These are the last known figures; trying again…',
  lostWithoutNumbers: 'Jeton does not answer. Trying again…',

  generate: 'Generate',
  article: 'An article',
  articleTopic: 'Topic of the article',
  articleExample: 'Speciality coffee in Lyon',
  articlePrice: 'Paid for by its length, set aside before it begins.',
  generateArticle: 'Generate the article',
  stop: 'Stop',
  product: 'A product description',
  productName: 'Name of the product',
  productExample: 'Alma coffee grinder',
  productPrice: (price: string) => `Fixed price: ${price} tokens.`,
  generateProduct: 'Generate the description',
  generating: 'Generating…',

  toBuy: 'Buy tokens',
  failed: 'An error occurred. You are charged nothing more. Try again shortly.',
  away: 'Jeton does not answer for the moment. Try again shortly.',
  offline: 'No answer. Try again shortly.',
  noAnswer: 'The answer did not come. The history says whether something was debited. Try again shortly.',
  noAnswerToPurchase: 'The answer did not come. Try again shortly: the same purchase is made once.',
  noTopic: 'Write what it is to be about.',

  buyTitle: 'Buy tokens',
  buyExplained: 'This is an example: nothing is paid.',
  pack: (tokens: string) => `${tokens} tokens`,
  buy: 'Buy',
  bought: (tokens: string) => `Thank you! ${tokens} tokens were added.`,
  buyAgain: 'Another purchase',
  purchase: (tokens: string) => `Purchase of ${tokens} tokens`,

  usage: 'Tokens used per day',
  usageOf: (tokens: string, days: string) => `${tokens} tokens in ${days} days`,
  asTable: 'As a table',
  day: 'Day',
  tokens: 'Tokens',
  generations: 'Generations',

  history: 'History',
  date: 'Date',
  what: 'Description',
  amount: 'Amount',
  balanceAfter: 'Balance after',
  more: 'Older',
};

/** The texts of each language. */
export const TEXTS: Record<Language, Texts> = { fr, en };
