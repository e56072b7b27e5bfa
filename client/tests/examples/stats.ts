import { getUserStats } from 'jeton/stats-service';

// Dans une fonction asynchrone
const stats = await getUserStats('user-id');
console.log(`Solde de tokens: ${stats.tokenBalance}`);
