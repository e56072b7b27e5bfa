import { recordArticleGeneration } from 'jeton/stats-service';

// Enregistrer une génération d'article (coût: 3 tokens)
const result = await recordArticleGeneration('user-id', 3);
if (result.success) {
  console.log(`Nouveau solde: ${result.stats.tokenBalance}`);
} else {
  console.error(result.message);
}
