import { resetStats } from 'jeton/stats-service';

// Réinitialiser les statistiques
await resetStats('user-id');
