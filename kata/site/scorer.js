// Of what a search finds, places with a name of their own, such as katas, go before pages that mention the word.
Scorer.score = ([page, title, anchor, description, score]) => score + (anchor ? 10 : 0);
