import { addTokens } from 'jeton/stats-service';

// Ajouter 1000 tokens
const result = await addTokens('user-id', 1000, 'Recharge mensuelle');
